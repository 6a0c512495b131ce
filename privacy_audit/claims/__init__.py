"""What a publisher says of a dataset, graded against what an audit measured.

kinds      the closed list of what can be claimed, and what each needs
schema     claims.yaml, read strictly
evidence   the counts behind a claim, from the audit's tables
grade      counts to a grade; pure
words      grades and reasons in plain words, in English and Indonesian
results    the graded claims as plain data, and claims.json in the audit
"""
