"""Execute a notebook in place, as `jupyter nbconvert --execute --inplace` does, by this Python.

nbclient sends what a widget shows back to the kernel, on the channel on which it waits for the
cell's reply, and may then wait for ever: here it is not sent. See tools/notebooks.py.
"""

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.output_widget import OutputWidget


class OneWayOutput(OutputWidget):
    def sync_state(self):
        pass


path = sys.argv[1]
notebook = nbformat.read(path, as_version=4)
client = NotebookClient(notebook, kernel_name="python3")
client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = OneWayOutput
client.execute()
nbformat.write(notebook, path)
