package dev.hydra.cli.swap;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The Unix domain socket over which a running training is told what to do: {@code .control/socket}
 * in the run folder, a folder that only its owner can enter.
 */
public record ControlSocket(Path run) {
  /** The system's limit is 107 bytes on Linux and 103 elsewhere. */
  private static final int LONGEST = 100;

  private static final String NAME = "socket";

  @FunctionalInterface
  private interface Use<T> {
    T of(UnixDomainSocketAddress address) throws IOException;
  }

  private Path folder() {
    return run.toAbsolutePath().normalize().resolve(".control");
  }

  private Path file() {
    return folder().resolve(NAME);
  }

  /** Listens. What a process that was killed has left is replaced: the run's lock is ours. */
  ServerSocketChannel listen() throws IOException {
    Files.createDirectories(folder());
    restrict(folder(), "rwx------");
    Files.deleteIfExists(file());
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      ServerSocketChannel bound = with(channel::bind);
      restrict(file(), "rw-------");
      return bound;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  private static void restrict(Path path, String permissions) throws IOException {
    if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }
  }

  /** Says whether there is one; nobody need be listening. */
  public boolean exists() {
    return Files.exists(file());
  }

  /**
   * Connects to the training.
   *
   * @throws IOException if none is running
   */
  SocketChannel connect() throws IOException {
    try {
      return with(SocketChannel::open);
    } catch (IOException e) {
      throw new IOException("no training is running in " + run + " (" + e.getMessage() + ")", e);
    }
  }

  /** Nobody listens any more. */
  void delete() throws IOException {
    Files.deleteIfExists(file());
  }

  /** Addresses of sockets must be short: a long one goes through a symbolic link. */
  private <T> T with(Use<T> use) throws IOException {
    if (file().toString().getBytes(java.nio.charset.StandardCharsets.UTF_8).length <= LONGEST) {
      return use.of(UnixDomainSocketAddress.of(file()));
    }
    Path temporary = Files.createTempDirectory("hydra-");
    Path link = temporary.resolve("run");
    try {
      Files.createSymbolicLink(link, folder());
      return use.of(UnixDomainSocketAddress.of(link.resolve(NAME)));
    } finally {
      Files.deleteIfExists(link);
      Files.delete(temporary);
    }
  }
}
