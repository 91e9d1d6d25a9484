"""What is moved: tables, and the files, topics and databases made of them."""
