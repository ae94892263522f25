package dev.hydra.cli.plugins;

import com.typesafe.config.Config;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.nio.file.Path;
import java.security.CodeSigner;
import java.security.cert.CertificateEncodingException;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Which jars components may be swapped to: any, or those that are listed by their hash or signed by
 * somebody who is listed.
 *
 * @param hashes SHA-256 of jars; empty: no such list
 * @param signers SHA-256 of certificates; empty: no such list
 */
record TrustedJars(Optional<Set<String>> hashes, Optional<Set<String>> signers) {
  private static final String PART = "plugins";
  private static final Option<Optional<List<String>>> TRUSTED =
      hashes("trusted", "SHA-256 of jars that components may be swapped to");
  private static final Option<Optional<List<String>>> SIGNERS =
      hashes("signers", "SHA-256 of certificates; jars signed with one may be swapped in");

  private static Option<Optional<List<String>>> hashes(String name, String doc) {
    return Option.texts(name, doc)
        .where(
            all -> all.stream().allMatch(hash -> hash.matches("[0-9a-f]{64}")),
            "64 lower-case hexadecimal digits each")
        .optional("any");
  }

  private static final List<Option<?>> OPTIONS = List.of(TRUSTED, SIGNERS);

  /** The options of {@code plugins}, for documentation. */
  static OptionGroup documentation() {
    return new OptionGroup(PART, "Which jars a running model may be swapped to.", OPTIONS);
  }

  /** Reads the part {@code plugins} of a configuration. */
  static TrustedJars read(Config config) {
    Settings settings = Settings.read(PART, ConfigFiles.part(config, PART), OPTIONS);
    return new TrustedJars(
        settings.get(TRUSTED).map(TreeSet::new), settings.get(SIGNERS).map(TreeSet::new));
  }

  /**
   * Decides about a jar.
   *
   * @param named what to call it
   * @param sha256 its hash
   * @param jar the same jar, opened to be verified, every entry read to its end
   * @throws IOException if it is not trusted
   */
  void check(Path named, String sha256, JarFile jar) throws IOException {
    boolean all = hashes.isEmpty() && signers.isEmpty();
    if (all || hashes.orElse(Set.of()).contains(sha256)) {
      return;
    }
    if (signers.isEmpty()) {
      throw new IOException(
          named + " is not trusted: its SHA-256 " + sha256 + " is not in plugins.trusted");
    }
    for (JarEntry entry : Collections.list(jar.entries())) {
      if (!entry.isDirectory() && !ofSignature(entry.getName()) && !signed(entry)) {
        throw new IOException(
            named
                + " is not trusted: "
                + entry.getName()
                + " is not signed with a certificate in plugins.signers"
                + (hashes.isEmpty() ? "" : ", and its SHA-256 " + sha256 + " is not listed"));
      }
    }
  }

  /** Whether a file of a jar is part of its signatures, which cannot be signed themselves. */
  private static boolean ofSignature(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    return upper.equals(JarFile.MANIFEST_NAME)
        || upper.matches("META-INF/(SIG-[^/]*|[^/]*\\.(SF|RSA|DSA|EC))");
  }

  private boolean signed(JarEntry entry) throws IOException {
    CodeSigner[] found = entry.getCodeSigners();
    if (found == null) {
      return false;
    }
    for (CodeSigner each : found) {
      try {
        byte[] own = each.getSignerCertPath().getCertificates().get(0).getEncoded();
        if (signers.orElse(Set.of()).contains(Sha256.of(own))) {
          return true;
        }
      } catch (CertificateEncodingException e) {
        throw new IOException("the certificate of " + entry.getName() + " cannot be read", e);
      }
    }
    return false;
  }
}
