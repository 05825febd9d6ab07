"""Reports on matching: how hires fare, when places run out, what would help, what other weights would have done."""
