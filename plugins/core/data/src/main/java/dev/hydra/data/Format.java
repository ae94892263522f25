package dev.hydra.data;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/** How a file is packed, told by its first bytes; its name says nothing. */
enum Format {
  /** RFC 1952, section 2.3.1. */
  GZIP("1f8b"),
  /** RFC 8878, section 3.1.1. */
  ZSTD("28b52ffd");

  /** As many bytes as are looked at. */
  static final int BYTES = 4;

  private final String magic;

  Format(String magic) {
    this.magic = magic;
  }

  /** Returns the format of a file that begins so; nothing if it is not packed. */
  static Optional<Format> of(byte[] start) {
    String hex = HexFormat.of().formatHex(start, 0, Math.min(BYTES, start.length));
    return Arrays.stream(values()).filter(each -> hex.startsWith(each.magic)).findFirst();
  }
}
