package dev.hydra.dist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;

/** Signs jars with the tools of the JDK. */
final class Signatures {
  private static final String PASSWORD = "changeit";
  private static final String NAME = "signer";

  private Signatures() {}

  /** Signs a jar with a new key; gives the SHA-256 of its certificate. */
  static String sign(Path jar, Path keys) throws Exception {
    tool(
        "keytool",
        "-genkeypair",
        "-alias",
        NAME,
        "-keyalg",
        "EC",
        "-dname",
        "CN=Signer",
        "-keystore",
        keys.toString(),
        "-storepass",
        PASSWORD);
    tool("jarsigner", "-keystore", keys.toString(), "-storepass", PASSWORD, jar.toString(), NAME);
    KeyStore store = KeyStore.getInstance(keys.toFile(), PASSWORD.toCharArray());
    Path certificate = keys.resolveSibling(keys.getFileName() + ".cer");
    return Hashes.sha256(Files.write(certificate, store.getCertificate(NAME).getEncoded()));
  }

  private static void tool(String name, String... arguments) throws Exception {
    Path tool = Path.of(System.getProperty("java.home"), "bin", name);
    List<String> command = new java.util.ArrayList<>(List.of(tool.toString()));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said =
        new String(
            process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(name + ": " + said);
    }
  }
}
