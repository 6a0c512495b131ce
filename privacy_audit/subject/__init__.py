"""People and their requests: who appears how often, and "are pictures of me in your dataset?".

biometrics   what has to be said before faces are compared
embeddings   one face, 128 numbers, in memory only
matching     distances between many embeddings, and the error rates of thresholds
people       how many distinct people an audited dataset shows, as an estimate
copies       perceptual hashes: the same picture, resized, encoded again, cropped or mirrored
search       one shard searched for what a person sent
find         a whole dataset searched, and the case that comes out
case         a request on disk: what was asked, found, decided and done; no photo, no embedding
erase        confirmed pictures handed to redaction, and the list that keeps them out
deadlines    how long each law leaves for an answer
letter       the answer to the person, and the record to keep
"""
