package dev.hydra.tokenizer.hf;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.Loader;

/**
 * Loads the native library of the tokenizers, from this jar and never from elsewhere: unpacked into
 * the folder of the other native libraries, checked before it is loaded, put in place in one step.
 */
final class NativeTokenizers {
  private static final String FOLDER = "native/lib/";

  private NativeTokenizers() {}

  /** Loads it for the class loader of this class; done once, by the class initialiser. */
  private static final class Loaded {
    static final Optional<String> PROBLEM = load();

    private static Optional<String> load() {
      try {
        NativeTokenizers.load(resource());
        return Optional.empty();
      } catch (IOException | UnsatisfiedLinkError e) {
        return Optional.of(String.valueOf(e.getMessage()));
      }
    }
  }

  /**
   * Makes sure that the library is there.
   *
   * @throws IllegalStateException if it cannot be loaded, saying why
   */
  static void require() {
    if (Loaded.PROBLEM.isPresent()) {
      throw new IllegalStateException(
          "the native library of the tokenizers cannot be loaded: " + Loaded.PROBLEM.get());
    }
  }

  private static String resource() throws IOException {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String system = os.startsWith("mac") ? "osx" : os.startsWith("win") ? "win" : "linux";
    String arch = System.getProperty("os.arch", "");
    String machine = arch.equals("amd64") ? "x86_64" : arch.equals("arm64") ? "aarch64" : arch;
    String name = FOLDER + system + "-" + machine + "/cpu/" + System.mapLibraryName("tokenizers");
    if (NativeTokenizers.class.getResource("/" + name) == null) {
      throw new IOException("there is none for " + system + " on " + machine);
    }
    return "/" + name;
  }

  private static InputStream open(String resource) throws IOException {
    InputStream in = NativeTokenizers.class.getResourceAsStream(resource);
    if (in == null) {
      throw new IOException(resource + " is missing in the plugin");
    }
    return in;
  }

  private static void load(String resource) throws IOException {
    String checksum = checksum(open(resource));
    Path folder = Loader.getCacheDir().toPath().resolve("hydra-tokenizers").resolve(checksum);
    Path library = folder.resolve(resource.substring(resource.lastIndexOf('/') + 1));
    if (!Files.isRegularFile(library) || !checksum(library).equals(checksum)) {
      unpack(resource, library, checksum);
    }
    try {
      System.load(library.toString());
    } catch (UnsatisfiedLinkError e) {
      if (!String.valueOf(e.getMessage()).contains("already loaded in another classloader")) {
        throw e;
      }
      loadCopy(library);
    }
  }

  /** A file can be loaded for one class loader only; another version of this plugin has its own. */
  private static void loadCopy(Path library) throws IOException {
    Path folder = library.toAbsolutePath().getParent();
    Path copy = Files.createTempFile(folder, "copy-", "-" + library.getFileName());
    try {
      Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
      System.load(copy.toString());
    } finally {
      if (!System.getProperty("os.name", "").startsWith("Windows")) {
        Files.delete(copy); // what is loaded stays
      } else {
        copy.toFile().deleteOnExit();
      }
    }
  }

  private static String checksum(Path file) throws IOException {
    return checksum(Files.newInputStream(file));
  }

  /**
   * Returns the CRC-32C and the length of what a stream has, which is closed. It tells damage and
   * other versions, and is computed at every start: the Java machine does that in hardware at once,
   * SHA-256 when it has compiled it.
   */
  private static String checksum(InputStream from) throws IOException {
    CRC32C crc = new CRC32C();
    byte[] buffer = new byte[1 << 16];
    long length = 0;
    try (from) {
      for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
        crc.update(buffer, 0, read);
        length += read;
      }
    }
    return HexFormat.of().toHexDigits((int) crc.getValue()) + "-" + length;
  }

  private static void unpack(String resource, Path library, String checksum) throws IOException {
    Path folder = library.toAbsolutePath().getParent();
    Files.createDirectories(folder);
    Path side = Files.createTempFile(folder, ".unpacking-", "");
    try {
      try (InputStream in = open(resource)) {
        Files.copy(in, side, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!checksum(side).equals(checksum)) {
        throw new IOException(side + " is not what was written to it; is the disk full?");
      }
      Files.move(side, library, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(side);
    }
  }
}
