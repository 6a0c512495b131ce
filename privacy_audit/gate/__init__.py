"""What people settle about an audit: a baseline of what is known, suppressions, and reviews of single findings.

baseline       today's findings, by content, so that a gate fails on new ones only
suppressions   suppressions.yaml: findings that somebody accepted, until a day
judge          what all of it leaves of one sample's decisions
decide         the decisions of a whole audit written anew, or not at all
review         what waits for a person, and the precision that their verdicts show
"""
