"""What a run leaves behind: for machines, for people, and to look at."""
