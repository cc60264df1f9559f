"""launch.py FOLDER PROGRAM ARGUMENTS...: a server of Swift with its own swift.conf, or the rings."""
import importlib
import os
import sys

folder, program = sys.argv[1:3]
os.fsync = os.fdatasync = lambda descriptor: None  # Tests need no durability.

import swift.common.utils as utils  # noqa: E402

utils.set_swift_dir(folder)
if program == "rings":
    from swift.common.ring import RingBuilder

    for kind, port in zip(("account", "container", "object"), sys.argv[3:6]):
        builder = RingBuilder(4, 1, 0)
        builder.add_dev(dict(
            id=0, region=1, zone=1, ip="127.0.0.1", port=int(port), replication_ip="127.0.0.1",
            replication_port=int(port), device="d1", weight=1.0, meta=""))
        builder.rebalance()
        builder.save(os.path.join(folder, kind + ".builder"))
        builder.get_ring().save(os.path.join(folder, kind + ".ring.gz"))
    sys.exit(0)
module = {"proxy": "swift.proxy.server", "account": "swift.account.server",
          "container": "swift.container.server", "object": "swift.obj.server",
          "updater": "swift.obj.updater"}[program]
sys.argv = ["swift-" + program] + sys.argv[3:]
sys.exit(importlib.import_module(module).main())
