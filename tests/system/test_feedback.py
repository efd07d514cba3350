"""Services whose clients would come back to them: what `check` cannot tell
without a resolver is refused as the connection is made."""
import configs
import peers
from peers import is_served

HOSTS = ("127.0.0.1 localhost near.example.test\n"
         "127.0.0.1 self.example.test\n::1 self.example.test\n")


def test_service_that_feeds_itself_by_name_is_refused(relay, free_port,
                                                      within):
    """A service whose server's name leads back to it resets its client: one
    would take every place within a second."""
    port = free_port()
    one = relay(configs.service(f"*:{port}", f"self.example.test:{port}"),
                within=within(HOSTS))
    for host in ("127.0.0.1", "::1"):
        assert peers.connect((host, port)).receive().end == "reset"
    ends = one.wait_ends(2)
    assert [end["reason"] for end in ends] == ["connect-refused"] * 2
    assert "leads back to this service" in ends[0]["detail"]


def test_ring_by_name_is_cut(relay, free_port, within):
    """A ring of two services is ended by the first worker that has seen both
    ways: a client goes round a few times, and not for ever."""
    a, b = free_port(), free_port()
    one = relay(configs.settings("workers = 1") +
                configs.service(f"127.0.0.1:{a}", f"near.example.test:{b}",
                                name="a") +
                configs.service(f"127.0.0.1:{b}", f"near.example.test:{a}",
                                name="b"), within=within(HOSTS))
    assert peers.connect(a).receive().end == "reset"
    ends = one.wait_ends(2)
    assert "leads back to this service" in ends[0]["detail"]
    assert {end["service"] for end in ends} == {"a", "b"}


def test_next_server_is_tried_where_one_leads_back(relay, server, client,
                                                   free_port, within):
    """A server that leads back to its service is left out, and the next one
    serves."""
    far, port = server(peers.echo), free_port()
    one = relay(configs.service(
        f"*:{port}", [f"self.example.test:{port}", far.port]),
        within=within(HOSTS))
    peer = client(port)
    assert is_served(peer)
    peer.half_close()
    [end] = one.wait_ends()
    assert "leads back to this service" in end["failed"]


def test_service_of_all_addresses_feeds_the_one_of_a_single_address(
        relay, server, client, free_port, within):
    """A service on all addresses may connect to another one that listens on one
    of them with the same port, which is no way back."""
    far, port = server(peers.echo), free_port()
    relay(configs.service(f"*:{port}", f"near.example.test:{port}", name="all") +
          configs.plain(port, far.port, name="one"), within=within(HOSTS))
    peer = client(("127.0.0.2", port))
    assert is_served(peer)


def test_chain_of_services_works(relay, server, client, free_port, within):
    """A service may serve another one."""
    far, a, b = server(peers.echo), free_port(), free_port()
    relay(configs.service(f"127.0.0.1:{a}", f"near.example.test:{b}", name="a") +
          configs.plain(b, far.port, name="b"), within=within(HOSTS))
    peer = client(a)
    assert is_served(peer)
