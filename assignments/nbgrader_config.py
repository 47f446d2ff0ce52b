"""nbgrader's settings of this course: for `nbgrader …` run in this folder, here or on a hub.

`make assignments` and `make grade` use them too, with a box around each submission.
"""

from pathlib import Path

c = get_config()  # noqa: F821  # nbgrader gives it

c.CourseDirectory.course_id = "lstm-gan"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
# Seconds that a cell may take: the project trains in one. nbgrader's own limit is 30.
c.ExecutePreprocessor.timeout = 120
c.NbGrader.logfile = ""
