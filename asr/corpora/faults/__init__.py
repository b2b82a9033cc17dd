"""What is wrong with utterances: the reasons, and files of what was set aside."""
