"""What checks work with: arrays, places, processes, histories, and what is expected of them."""
