"""What a Report tells: pure look-ups, texts and boxes that any screen, page or terminal can show."""
