"""Files that clients send to have them transcribed."""
