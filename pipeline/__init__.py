"""What is done with rows: reading, judging, the warehouse, the formula in SQL, the simulated city.

No Dagster (`assets`), no figures or pages (`dashboards`).
"""
