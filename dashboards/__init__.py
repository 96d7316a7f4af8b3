"""What people see: figures, pages, templates. No statistics, no formulas, no reading of deliveries."""
