"""Protocol: requests and replies of the REST interface, shared by server and client."""
