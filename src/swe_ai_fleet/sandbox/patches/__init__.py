"""From what an agent wrote (a diff, search/replace blocks, whole files) to one patch against the task's commit."""
