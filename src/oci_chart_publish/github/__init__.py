"""GitHub, for one repository: plain values in and out.

PyGithub is imported by ``client`` alone, when the first request is made. Its requester does authentication, host
pinning, the paths of GitHub Enterprise Server, GraphQL and errors; retries, pacing and what is looked up before a
POST is repeated are ours.
"""
