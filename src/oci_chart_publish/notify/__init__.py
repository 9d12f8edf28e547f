"""What a finished run tells the code host."""
