"""What an audit commits to: a Merkle tree over its contents, proofs for one picture, and signatures.

Import from the modules: `proof` needs NumPy and PyArrow, `signature` cryptography, which a start of the command line
does not.
"""
