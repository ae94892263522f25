package dev.hydra.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * A native library in a jar, which JavaCPP loads from a folder that it calls its cache.
 *
 * @param jar the jar, whose name is that of a folder in the cache
 * @param entry the path in the jar, and in that folder
 * @param size in bytes, unpacked
 * @param millis when it was last changed, which JavaCPP compares
 * @param crc the CRC-32 of the content
 */
record NativeFile(Path jar, String entry, long size, long millis, long crc) {
  /** The end of the names of files that are being written. */
  static final String PART = ".part";

  /** Returns the file's name without folders. */
  String name() {
    return entry.substring(entry.lastIndexOf('/') + 1);
  }

  /** Returns the file's place in a cache. */
  Path in(Path cache) {
    return cache.resolve(jar.getFileName()).resolve(entry);
  }

  /**
   * Says whether it is there as JavaCPP wants it, judged by size and time.
   *
   * <p>A link counts if it leads somewhere: JavaCPP makes one where a library of this name was
   * loaded from another jar.
   */
  boolean isIn(Path cache) {
    Path path = in(cache);
    try {
      BasicFileAttributes found = attributes(path);
      return found.isSymbolicLink()
          ? Files.exists(path)
          : found.isRegularFile()
              && found.size() == size
              && found.lastModifiedTime().toMillis() == millis;
    } catch (IOException absent) {
      return false;
    }
  }

  /** Says whether there is a file in its place that is shorter or longer. */
  boolean hasOtherSizeIn(Path cache) {
    try {
      BasicFileAttributes found = attributes(in(cache));
      return found.isRegularFile() && found.size() != size;
    } catch (IOException absent) {
      return false;
    }
  }

  private static BasicFileAttributes attributes(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Says whether what is there, whatever its time, has the right content: reads all of it.
   *
   * @throws IOException if it is not there or cannot be read
   */
  boolean hasRightContentIn(Path cache) throws IOException {
    Path path = in(cache);
    if (Files.isSymbolicLink(path)) {
      return Files.exists(path);
    }
    try (InputStream in = Files.newInputStream(path)) {
      return Files.size(path) == size && copy(in, OutputStream.nullOutputStream()) == crc;
    }
  }

  /** Gives a file with the right content the time that JavaCPP compares. */
  void stampIn(Path cache) throws IOException {
    Files.setLastModifiedTime(in(cache), FileTime.fromMillis(millis));
  }

  /**
   * Unpacks it to the side, checks it and puts it in its place in one step, so that nobody ever
   * sees half of it. Processes that use what was there before keep that.
   *
   * @throws StartException if the jar is damaged
   * @throws IOException if it cannot be written
   */
  void unpackTo(Path cache) throws IOException {
    Path path = in(cache);
    Files.createDirectories(path.getParent(), NativeCache.FOLDER);
    Path part = path.resolveSibling("." + name() + "-" + UUID.randomUUID() + PART);
    try {
      if (copyTo(part) != crc || Files.size(part) != size) {
        throw new StartException(jar + " is damaged at " + name() + ": install Hydra again");
      }
      Files.setLastModifiedTime(part, FileTime.fromMillis(millis));
      Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private long copyTo(Path part) throws IOException {
    try (JarFile file = new JarFile(jar.toFile());
        InputStream in = file.getInputStream(file.getEntry(entry));
        OutputStream out =
            Channels.newOutputStream(
                Files.newByteChannel(
                    part,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(
                        PosixFilePermissions.fromString("rw-r--r--"))))) {
      return copy(in, out);
    }
  }

  private static long copy(InputStream in, OutputStream out) throws IOException {
    CRC32 crc = new CRC32();
    byte[] buffer = new byte[1 << 16];
    try (CheckedInputStream checked = new CheckedInputStream(in, crc)) {
      for (int read = checked.read(buffer); read >= 0; read = checked.read(buffer)) {
        out.write(buffer, 0, read);
      }
    }
    return crc.getValue();
  }
}
