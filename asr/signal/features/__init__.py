"""Log-mel filter banks: computed, stored, cached."""
