"""Reading delivered files into sheets of text cells, and sheets into canonical rows by a profile.

No validation here (`pipeline/judge.py`) and nothing is stored (`pipeline/intake.py`).
"""
