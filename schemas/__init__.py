"""What a row is: the column dictionary, one model a table, vocabularies, profiles, protocols and factors.

Nothing here reads a delivery, computes an estimate or knows Dagster.
"""
