"""Read models, one pure fold each over our own topics; one module a model.

They are never written by a handler, so they can be thrown away and read again from the topics. Topics are not ordered
among themselves: what each topic tells goes to its own part of a row, and a timeline is a set in time order, so every
interleaving that keeps order per topic ends in the same document. Only ids, codes and dates are in them; names are
joined when a page is read.
"""
