"""A reader in processes that come of this one: what they read goes to the output, a line for each of them.

python fork_script.py fork | busy | spawn | pool

fork, spawn: how a process begins that gets the reader; busy: by fork while threads read; pool: in processes that were
forked before there was work.
"""

import multiprocessing
import sys
import threading
import warnings

from visionkit.reader import load
from visionkit.reader.sample import draw_page

TIMES = 10


def answer(reader, page):
    return reader.read(page).text


def say(reader, page):
    print(answer(reader, page), flush=True)


def main(how):
    warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: a process of many threads is forked
    page = draw_page("2718", seed=1).image
    reader = load("digits")
    answer(reader, page)
    context = multiprocessing.get_context("spawn" if how == "spawn" else "fork")
    if how == "pool":
        with context.Pool(2) as pool:
            print(*pool.starmap(answer, [(reader, page)] * TIMES), sep="\n")
        return
    done = threading.Event()

    def read_on():
        while not done.is_set():
            answer(reader, page)

    threads = [threading.Thread(target=read_on) for _ in range(2 if how == "busy" else 0)]
    for thread in threads:
        thread.start()
    for _ in range(TIMES if how == "busy" else 1):
        child = context.Process(target=say, args=(reader, page))
        child.start()
        child.join(20)
        if child.is_alive():
            child.kill()
            print("hung", flush=True)
            break
    done.set()


if __name__ == "__main__":
    main(sys.argv[1])
