package dev.hydra.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.osgi.framework.Constants;
import org.osgi.framework.launch.FrameworkFactory;

/** Finds the packages that the class path offers to plugins, with their versions. */
final class SystemPackages {
  /** JavaCPP's jars declare no exports, or not all: there every package counts. */
  private static final String JAVACPP_CLASSES = "org/bytedeco/";

  private static final String JAVACPP_POM = "META-INF/maven/org.bytedeco/";

  /** The framework exports its own packages itself. */
  private static final String FRAMEWORK = "META-INF/services/" + FrameworkFactory.class.getName();

  /** A directive such as {@code ;uses:="a,b"}: means nothing for packages of one class loader. */
  private static final String DIRECTIVE = ";\\s*[\\w-]+:=(\"[^\"]*\"|[^;,]*)";

  private SystemPackages() {}

  /**
   * Reads the jars of a folder, those in folders below it not.
   *
   * @return a value for {@link Constants#FRAMEWORK_SYSTEMPACKAGES_EXTRA}
   */
  static String of(Path lib) throws IOException {
    List<String> exports = new ArrayList<>();
    try (DirectoryStream<Path> paths = Files.newDirectoryStream(lib, "*.jar")) {
      for (Path path : paths) {
        try (JarFile jar = new JarFile(path.toFile())) {
          exports.addAll(exports(jar));
        }
      }
    }
    return String.join(",", exports);
  }

  private static List<String> exports(JarFile jar) throws IOException {
    if (jar.getEntry(JAVACPP_CLASSES) != null) {
      return javacppExports(jar);
    }
    Attributes manifest = jar.getManifest().getMainAttributes();
    String exported = manifest.getValue(Constants.EXPORT_PACKAGE);
    boolean framework = jar.getEntry(FRAMEWORK) != null;
    return exported == null || framework ? List.of() : List.of(exported.replaceAll(DIRECTIVE, ""));
  }

  private static List<String> javacppExports(JarFile jar) throws IOException {
    TreeSet<String> packages = new TreeSet<>();
    String version = "0";
    for (ZipEntry entry : Collections.list(jar.entries())) {
      String name = entry.getName();
      if (name.startsWith(JAVACPP_CLASSES) && name.endsWith(".class")) {
        packages.add(name.substring(0, name.lastIndexOf('/')).replace('/', '.'));
      } else if (name.startsWith(JAVACPP_POM) && name.endsWith("/pom.properties")) {
        version = version(jar, entry);
      }
    }
    String suffix = ";version=\"" + version + "\"";
    return packages.stream().map(name -> name + suffix).toList();
  }

  /** Returns the version of what is bound: {@code 2.10.0} of {@code 2.10.0-1.5.13}. */
  private static String version(JarFile jar, ZipEntry pom) throws IOException {
    Properties properties = new Properties();
    try (InputStream in = jar.getInputStream(pom)) {
      properties.load(in);
    }
    String version = properties.getProperty("version", "0");
    int hyphen = version.indexOf('-');
    return hyphen < 0 ? version : version.substring(0, hyphen);
  }
}
