// Keeps an open page current. Without JavaScript pages work the same and show the state of their last loading.
