"""What follows a loop from outside: TensorBoard, Weights & Biases, MLflow and Trackio.

None decides a bit of a run. accelerate has wrappers of the same libraries; they are not used, because its
state sets the number of threads where several processes run on CPUs, and so would change bits, and because
they take one step a call and cannot name MLflow's run before it exists.
"""
