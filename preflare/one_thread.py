"""Keep torch to one thread: small products gain nothing from more, and last bits depend on them."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[Any]:
    """Keep torch to the thread that calls.

    Threads of its own would wait for each other after each of thousands of small products, and on
    a busy machine hardly get on. How a sum is shared out among threads also decides its last bits,
    and a training carries these on to all digits.
    """
    torch.get_num_threads()  # At the first such call in a thread, torch undoes what is set here.
    return threadpool_limits(1, user_api="openmp")
