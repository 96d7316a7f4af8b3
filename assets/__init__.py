"""What is run, when and from what: the Dagster definitions. Thin: the work stands in `pipeline` and `dashboards`."""
