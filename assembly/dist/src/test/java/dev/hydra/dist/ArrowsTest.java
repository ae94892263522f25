package dev.hydra.dist;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import dev.hydra.mixer.planted.Misfit;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Arrows point down only: from assembly to plugins to the API, and never between components. */
class ArrowsTest {
  private static final String API = "dev.hydra.api..";
  private static final String HOST = "dev.hydra.api.host..";
  private static final String LIBTORCH = "dev.hydra.libtorch..";
  private static final String[] ASSEMBLY = {"dev.hydra.launcher..", "dev.hydra.cli.."};
  private static final String[] OSGI = {
    "org.osgi.framework..", "org.osgi.util..", "org.apache.felix.."
  };

  private static final ArchRule OSGI_STAYS_OUTSIDE =
      noClasses()
          .that()
          .resideOutsideOfPackages(ASSEMBLY)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(OSGI);

  private static final ArchRule HOST_STAYS_OUTSIDE =
      noClasses()
          .that()
          .resideOutsideOfPackages(ASSEMBLY[0], ASSEMBLY[1], HOST)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(HOST);

  private static final JavaClasses PROJECT =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.hydra");

  @TestFactory
  Stream<DynamicTest> componentsMeetThroughTheApiOnly() {
    return Stream.of(
            "mixer.mamba",
            "mixer.attention",
            "mixer.deltanet",
            "ffn.dense",
            "ffn.moe",
            "router.topk",
            "memory.workspace",
            "memory.pkm")
        .map(name -> "dev.hydra." + name + "..")
        .map(own -> DynamicTest.dynamicTest(own, () -> uses(own, API, LIBTORCH).check(PROJECT)));
  }

  @Test
  void theApiUsesNothingOfTheProject() {
    uses(API).check(PROJECT);
  }

  @Test
  void libtorchUsesTheApiOnly() {
    uses(LIBTORCH, API).check(PROJECT);
  }

  @Test
  void theComposerKnowsNeitherTrainingNorTheCommandLine() {
    uses("dev.hydra.composer..", API, LIBTORCH).check(PROJECT);
  }

  @Test
  void publishedModelsAreExpressedInTheComposersTerms() {
    uses("dev.hydra.huggingface..", API, LIBTORCH, "dev.hydra.composer..").check(PROJECT);
  }

  @Test
  void pluginsDoNotKnowTheAssembly() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ASSEMBLY)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(ASSEMBLY)
        .check(PROJECT);
  }

  @Test
  void theCommandLineAndTheLauncherMeetThroughServicesOnly() {
    for (String[] pair : new String[][] {ASSEMBLY, {ASSEMBLY[1], ASSEMBLY[0]}}) {
      noClasses()
          .that()
          .resideInAPackage(pair[0])
          .should()
          .dependOnClassesThat()
          .resideInAPackage(pair[1])
          .check(PROJECT);
    }
  }

  @Test
  void onlyTheAssemblyMeetsThroughTheHost() {
    HOST_STAYS_OUTSIDE.check(PROJECT);
  }

  @Test
  void thePackagesOfTheCommandLineBuildOnEachOther() {
    List<String> upwards =
        Stream.of(".common", ".plugins", ".swap", ".swapbench", "")
            .map(name -> "dev.hydra.cli" + name)
            .toList();
    for (int i = 0; i < upwards.size() - 1; i++) {
      noClasses()
          .that()
          .resideInAPackage(upwards.get(i))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(upwards.subList(i + 1, upwards.size()).toArray(String[]::new))
          .check(PROJECT);
    }
  }

  @Test
  void onlyTheAssemblyKnowsOsgi() {
    OSGI_STAYS_OUTSIDE.check(PROJECT);
  }

  /** The rules would notice: this class breaks three of them. */
  @Test
  void plantedViolationsAreFound() {
    JavaClasses planted = new ClassFileImporter().importClasses(Misfit.class);
    AssertionError component =
        assertThrows(
            AssertionError.class,
            () -> uses("dev.hydra.mixer.planted..", API, LIBTORCH).check(planted));
    assertTrue(component.toString().contains("dev.hydra.composer.model.Components"));
    assertThrows(AssertionError.class, () -> OSGI_STAYS_OUTSIDE.check(planted));
    assertThrows(AssertionError.class, () -> HOST_STAYS_OUTSIDE.check(planted));
  }

  /** Classes of a package use of the project nothing but that package and those allowed. */
  private static ArchRule uses(String own, String... allowed) {
    return classes()
        .that()
        .resideInAPackage(own)
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(allowed)
                .or(resideInAPackage(own))
                .or(resideOutsideOfPackages("dev.hydra..")));
  }
}
