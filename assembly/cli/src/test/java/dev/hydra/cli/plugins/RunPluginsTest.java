package dev.hydra.cli.plugins;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.ZipFile;
import jdk.security.jarsigner.JarSigner;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which jars get into a run folder. */
class RunPluginsTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private Path run = Path.of("");
  private Path jar = Path.of("");

  @BeforeEach
  void files() throws IOException {
    run = folder.resolve("run");
    jar = Bundles.write(folder.resolve("some.jar"), "com.example.shift", "1.2.0");
  }

  private RunPlugins plugins(String config) {
    return RunPlugins.of(run, ConfigFactory.parseString(config));
  }

  private static String sha256(byte[] content) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
  }

  @Test
  void aCopyIsKeptUnderNameVersionAndHash() throws Exception {
    String hash = sha256(Files.readAllBytes(jar));
    RunPlugins.Jar taken = plugins("").take(jar);
    assertThat(taken.sha256()).isEqualTo(hash);
    assertThat(taken.file().getParent()).isEqualTo(run.resolve("swapped"));
    assertThat(taken.file().getFileName().toString())
        .startsWith("com.example.shift-1.2.0+" + hash.substring(0, 8))
        .endsWith(".jar");
    assertThat(taken.file()).hasSameBinaryContentAs(jar);
    assertThat(RunPlugins.jars(run.resolve("swapped"))).containsExactly(taken.file());
  }

  /** A refused swap takes its jar away again, but not one that an earlier swap has left. */
  @Test
  void whatWasThereBeforeIsNotForgotten() throws IOException {
    RunPlugins.Jar first = plugins("").take(jar);
    RunPlugins.Jar second = plugins("").take(jar);
    assertThat(first.fresh()).isTrue();
    assertThat(second.fresh()).isFalse();
    second.forget();
    assertThat(first.file()).exists();
    first.forget();
    assertThat(first.file()).doesNotExist();
  }

  @Test
  void jarsThatWereTakenAreKnownAgain() throws IOException {
    Path drop = Files.createDirectories(run.resolve("plugins"));
    Path copy = Files.copy(jar, drop.resolve("renamed.jar"));
    Bundles.write(drop.resolve("other.jar"), "com.example.shift", "1.3.0");
    plugins("").take(jar);
    assertThat(plugins("").taken(drop)).containsExactly(copy);
    assertThat(RunPlugins.jars(folder.resolve("nowhere"))).isEmpty();
  }

  @Test
  void whatIsNoWholeBundleIsRefusedAndLeavesNothing() throws IOException {
    byte[] bytes = Files.readAllBytes(jar);
    Path half = Files.write(folder.resolve("half.jar"), Arrays.copyOf(bytes, bytes.length / 2));
    refused("", half, half + " is no");
    byte[] flipped = bytes.clone();
    flipped[indexOfText(flipped)] ^= 1;
    Path damaged = Files.write(folder.resolve("damaged.jar"), flipped);
    refused("", damaged, damaged + " is no");
    Path plain = Bundles.write(folder.resolve("plain.jar"), "", "");
    refused("", plain, plain + " is not an OSGi bundle");
    refused("", folder.resolve("none.jar"), "there is no file " + folder.resolve("none.jar"));
  }

  /** Somewhere in the compressed text, the second entry of the jar. */
  private static int indexOfText(byte[] bytes) {
    String latin = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
    return latin.indexOf("text.txt") + 30;
  }

  @Test
  void onlyListedHashesAreTrusted() throws Exception {
    String hash = sha256(Files.readAllBytes(jar));
    plugins("plugins.trusted = [" + hash + "]").take(jar).forget();
    refused(
        "plugins.trusted = []",
        jar,
        jar + " is not trusted: its SHA-256 " + hash + " is not in plugins.trusted");
  }

  @Test
  void listsAreChecked() {
    assertThatThrownBy(() -> plugins("plugins.trusted = [abc]"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("plugins.trusted")
        .hasMessageContaining("64 lower-case hexadecimal digits");
    assertThatThrownBy(() -> plugins("plugins.trust = []"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("did you mean \"trusted\"?");
  }

  @Test
  void signedJarsAreTrustedIfTheirSignerIs() throws Exception {
    KeyStore keys = keys();
    X509Certificate certificate = (X509Certificate) keys.getCertificate("one");
    Path signed = folder.resolve("signed.jar");
    JarSigner signer =
        new JarSigner.Builder(
                (PrivateKey) keys.getKey("one", "secret".toCharArray()),
                CertificateFactory.getInstance("X.509").generateCertPath(List.of(certificate)))
            .build();
    try (ZipFile in = new ZipFile(jar.toFile());
        var out = Files.newOutputStream(signed)) {
      signer.sign(in, out);
    }
    String one = "plugins.signers = [" + sha256(certificate.getEncoded()) + "]";
    plugins(one).take(signed).forget();
    refused(one, jar, "text.txt is not signed with a certificate in plugins.signers");
    refused(
        "plugins.signers = [" + "a".repeat(64) + "]",
        signed,
        "text.txt is not signed with a certificate in plugins.signers");
    // Either list is enough.
    plugins(one + ", plugins.trusted = [" + sha256(Files.readAllBytes(jar)) + "]")
        .take(jar)
        .forget();
  }

  private KeyStore keys() throws Exception {
    Path store = folder.resolve("keys.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "one",
                "-keyalg",
                "EC",
                "-dname",
                "CN=one",
                "-storetype",
                "PKCS12",
                "-storepass",
                "secret",
                "-keystore",
                store.toString())
            .inheritIO()
            .start();
    assertThat(keytool.waitFor()).isZero();
    return KeyStore.getInstance(store.toFile(), "secret".toCharArray());
  }

  private void refused(String config, Path file, String message) throws IOException {
    assertThatThrownBy(() -> plugins(config).take(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message);
    if (Files.exists(run.resolve("swapped"))) {
      assertThat(run.resolve("swapped")).isEmptyDirectory();
    }
  }
}
