package dev.hydra.libtorch.io;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Computes SHA-256 hashes, as 64 lower-case hexadecimal digits. */
public final class Sha256 {
  private Sha256() {}

  /** Writes what is to be hashed. */
  @FunctionalInterface
  public interface Source {
    /** Writes all of it. */
    void writeTo(OutputStream out) throws IOException;
  }

  /** Hashes bytes. */
  public static String of(byte[] content) {
    return HexFormat.of().formatHex(digest().digest(content));
  }

  /**
   * Hashes the content of a file, piece by piece.
   *
   * @throws IOException if it cannot be read
   */
  public static String of(Path file) throws IOException {
    return of(out -> Files.copy(file, out));
  }

  /**
   * Hashes what a source writes, without keeping it.
   *
   * @throws IOException if the source throws it
   */
  public static String of(Source source) throws IOException {
    MessageDigest digest = digest();
    source.writeTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
