"""Tables as people have them: which cells are numbers and dates, what each column is, what is not.

``numerals`` and ``dates`` read a column of cells, ``clocks`` finds the times, ``carriers`` and
``sheet`` find the table in a file, ``columns`` holds what is known of it, ``roles``, ``order`` and
``missing`` judge it, and ``reading`` makes a ``Series``. Whatever is left out or assumed is a
sentence in the series' notes; what cannot be decided is refused in one sentence.
"""
