print("side-by-side: nothing yet")
