"""Carries requests to a Spark cluster and replies back: one job a request, through the JVM's own pipe.

    spark-submit driver.py FOLDER EXECUTABLE WINDOW PARENT

FOLDER/round-0.jsonl, round-1.jsonl and so on hold one request a line, an object with an `id`; each file appears
whole, and the next is looked for when all of the last one have ended. FOLDER/end says that no more follow,
FOLDER/stop that all is to be abandoned; so does the end of the process PARENT. At most WINDOW requests are with
Spark at a time, 0 being twice its cores and at least 64.

On the cluster `./EXECUTABLE worker` gets a request on standard input and answers with one line. No Python runs
there. A job of its own keeps the failures, attempts and result of a request apart from all others. What the
variables named by WIDEFIELD_FORWARD hold reaches the workers in the pipe's environment, which no page of Spark shows.

Events are the lines of standard output that begin with PREFIX; everything else there is Spark's.
"""

import json
import os
import re
import shutil
import signal
import sys
import threading
import time

PREFIX = "@widefield "
POLL_S = 0.05


def emit(event, **values):
    line = PREFIX + json.dumps({"event": event, **values}) + "\n"
    # One write, so that other output of this process seldom gets between.
    os.write(1, line.encode())


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def watch(folder, parent, stop, ready):
    """Sets `stop` when asked to; ends the process at once while there is no context to stop in order."""
    while not stop.is_set():
        orphan = os.name == "posix" and not alive(parent)
        if orphan or os.path.exists(os.path.join(folder, "stop")):
            stop.set()
        else:
            time.sleep(0.2)
    if not ready.is_set():
        os._exit(130)


def reason(error):
    """What went wrong with a job, on one line."""
    cause = getattr(error, "java_exception", None)
    if cause is None:
        return str(error)
    while cause.getCause() is not None:
        cause = cause.getCause()
    text = str(cause.getMessage() or cause.toString())
    status = re.search(r"Subprocess exited with status (\d+)", text)
    times = re.search(r"failed (\d+) times", text)
    if status:
        code = int(status[1])
        how = f"was ended by signal {code - 128}" if code > 128 else f"ended with status {code}"
        text = f"the worker {how}, its messages are in the executor's log"
    attempts = f" (after {times[1]} attempts)" if times else ""
    return text.splitlines()[0][:500] + attempts


class Cluster:
    """A Spark application and the requests it has."""

    def __init__(self, executable, window):
        from pyspark import SparkConf, SparkContext

        self.sc = SparkContext(conf=SparkConf().set("spark.ui.showConsoleProgress", "false"))
        self.java = self.sc._jvm.java.util
        self.command = self.java.ArrayList()
        for part in ("./" + executable, "worker"):
            self.command.add(part)
        self.environment = self.java.HashMap()
        for name in os.environ.get("WIDEFIELD_FORWARD", "").split():
            if name in os.environ:
                self.environment.put(name, os.environ[name])
        self.threads = int(self.sc.getConf().get("spark.task.cpus", "1"))
        self.window = window
        self.local = self.sc.master.startswith("local")

    def stopped(self):
        return self.sc._jsc.sc().isStopped()

    def width(self):
        return self.window or max(64, 2 * self.sc.defaultParallelism)

    def executors(self):
        """How many there are; the driver, which is listed with them, only counts where it does the work."""
        return self.sc._jsc.sc().getExecutorMemoryStatus().size() - (0 if self.local else 1)

    def submit(self, request):
        one = self.java.ArrayList()
        one.add(json.dumps({**request, "threads": self.threads}))
        self.sc.setJobDescription("trial " + request["id"])
        data = self.sc._jsc.parallelize(one, 1)
        return data.pipe(self.command, self.environment, False, 65536, "UTF-8").collectAsync()

    def run(self, lines, stop):
        """All requests of a round, a line each; False if they were abandoned."""
        todo, live, silent = lines[::-1], {}, set()
        began, told = time.monotonic(), 15
        while (todo or live) and not stop.is_set():
            width = self.width()
            while todo and len(live) < width and not stop.is_set():
                request = json.loads(todo.pop())
                live[request["id"]] = (request, self.submit(request))
            for name in [name for name, (_, job) in live.items() if job.isDone()]:
                request, job = live[name]
                try:
                    replies = list(job.get())
                except Exception as error:
                    # Spark going away under us is no fault of this request.
                    if stop.is_set() or self.stopped():
                        return False
                    del live[name]
                    if request.get("last") or "exited with status" not in str(error):
                        emit("failed", id=name, error=reason(error))
                    else:
                        # Output of a worker that fails is lost: asked for the last time, it says why instead.
                        todo.append(json.dumps({**request, "last": True}))
                    continue
                del live[name]
                if len(replies) == 1:
                    emit("reply", id=name, line=replies[0])
                elif name not in silent:
                    silent.add(name)
                    todo.append(json.dumps(request))
                else:
                    emit("failed", id=name, error=f"the worker ended well, but with {len(replies)} replies, not one")
            waited = time.monotonic() - began
            if live and waited >= 2 * told:
                told = waited
                if self.executors() == 0:
                    emit("waiting", seconds=round(waited))
            stop.wait(POLL_S)
        return not stop.is_set()


def rounds(cluster, folder, stop):
    """All rounds until the end; False if Spark ended first, or all was abandoned."""
    number = 0
    while not stop.is_set():
        path = os.path.join(folder, f"round-{number}.jsonl")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                lines = file.readlines()
            if not cluster.run(lines, stop):
                return False
            emit("round", number=number)
            number += 1
        elif os.path.exists(os.path.join(folder, "end")):
            return True
        else:
            stop.wait(POLL_S)
    return False


def main():
    folder, executable, window, parent = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    stop, ready = threading.Event(), threading.Event()
    threading.Thread(target=watch, args=(folder, parent, stop, ready), daemon=True).start()
    cluster = Cluster(executable, window)
    # After the context, which sets its own.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    ready.set()
    emit("started", version=cluster.sc.version, application=cluster.sc.applicationId)
    try:
        whole = rounds(cluster, folder, stop)
    except Exception:
        if not stop.is_set():
            raise
    if stop.is_set():
        emit("stopped")
        # What hangs while it stops would keep workers alive.
        threading.Timer(2.0, os._exit, [130]).start()
    elif not whole:
        emit("lost")
    cluster.sc.stop()
    if os.name == "posix" and not alive(parent):
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    os._exit(130 if stop.is_set() else 0 if whole else 1)


if __name__ == "__main__":
    main()
