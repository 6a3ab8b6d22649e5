"""Which pixels a score depends on: by gradients, and by covering them up."""
