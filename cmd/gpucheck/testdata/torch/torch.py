"""As much of torch as load.py uses. A product of matrices takes 0.1 ms until somebody waits for it."""
import time

float16 = None
_due = 0.0


class _Matrix:
    def __matmul__(self, _):
        return matmul(self, self)

    def __mul__(self, _):
        return self


def randn(*_, **__):
    return _Matrix()


def empty_like(_):
    return _Matrix()


def relu(x):
    return x


def matmul(a, _, out=None):
    global _due
    _due = max(_due, time.perf_counter()) + 1e-4
    return out or a


class cuda:
    @staticmethod
    def is_available():
        return True

    @staticmethod
    def synchronize():
        time.sleep(max(0.0, _due - time.perf_counter()))
