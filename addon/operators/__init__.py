"""The buttons: each gathers its inputs, makes one call and reports."""
