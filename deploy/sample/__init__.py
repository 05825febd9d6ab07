"""A made-up company whose people are hired before your eyes: data, the events it makes, and playing them."""
