"""Any list is a view: parsed, selected, ordered and explained here, shown by the outputs."""
