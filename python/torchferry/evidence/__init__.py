"""What does an auditor of a bundle get: its bill of materials, the trial of its check, and which file answers which question?"""
