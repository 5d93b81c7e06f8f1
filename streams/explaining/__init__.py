"""Why there is, or is not, an alert: what was counted, what each detector asks for, and what it said."""
