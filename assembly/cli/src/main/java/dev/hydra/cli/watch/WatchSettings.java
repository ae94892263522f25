package dev.hydra.cli.watch;

import java.util.Optional;

/**
 * Where the page is served, and to whom.
 *
 * @param host the address to bind to
 * @param port the port; 0 for a free one
 * @param key what clients must show to see anything; none only on a loopback address
 */
public record WatchSettings(String host, int port, Optional<String> key) {}
