"""A steady load: the request of sample.env at a fixed rate, on a connection each, until SIGTERM.

load.py ROUTER RATE asks the URL that the file ROUTER names at that moment, as a platform's router would. At the
end it prints what became of the requests, and exits with 1 if one of them was not answered 202.
"""

import collections
import http.client
import json
import os
import signal
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

router, rate = Path(sys.argv[1]), int(sys.argv[2])
path, body = os.environ["SAMPLE_PATH"], os.environ["SAMPLE_BODY"]
answers = collections.Counter()
slowest = 0.0
goes_on = True


def send(word):
    global slowest
    address = urllib.parse.urlparse(router.read_text().strip()).netloc
    began = time.monotonic()
    try:
        connection = http.client.HTTPConnection(address, timeout=30)
        headers = {"content-type": "application/json", "connection": "close"}
        connection.request("POST", path, body.replace("UNIQUE", word), headers)
        response = connection.getresponse()
        response.read()
        answers[response.status] += 1
        connection.close()
    except Exception as error:
        answers[repr(error)] += 1
    slowest = max(slowest, time.monotonic() - began)


def stop(*_):
    global goes_on
    goes_on = False


signal.signal(signal.SIGTERM, stop)
began = time.monotonic()
number = 0
with ThreadPoolExecutor(200) as pool:
    while goes_on:
        # By the clock, not by the answers: a slow service gets no less to do.
        time.sleep(max(0, began + number / rate - time.monotonic()))
        pool.submit(send, f"load{number}")
        number += 1
elapsed = time.monotonic() - began
print(json.dumps({"answers": answers, "seconds": round(elapsed), "slowest_ms": round(slowest * 1000)}))
sys.exit(0 if set(answers) == {202} else 1)
