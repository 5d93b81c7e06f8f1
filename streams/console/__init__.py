"""The watch room's console: one page, live, for several people at once.

Alerts come in at one side (`sources`: the pipeline of this process, a file that grows, or Kafka) and stand on
the `board`; the page, which has no build step, asks for them by HTTP and hears of changes by server-sent
events. The console reads and never detects: what it shows, the alerts say, or the store beside them.
"""
