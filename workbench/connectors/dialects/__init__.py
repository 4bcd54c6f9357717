"""What each venue says and how to say it back: pure translation, one module per venue."""
