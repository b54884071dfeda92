from hypothesis import settings

settings.register_profile("tests", deadline=None)  # the first example of a test pays for imports
settings.load_profile("tests")
