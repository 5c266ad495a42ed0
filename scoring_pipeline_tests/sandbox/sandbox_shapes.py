"""The wire shapes of the five providers, field by field: which keys a row has and which types each may hold.

What belongs here: tables of types and one function that compares. What does not: tests.
"""

from typing import Any

Types = tuple[type, ...]
NONE = type(None)

GREENHOUSE: dict[str, Types] = {
    "absolute_url": (str,),
    "data_compliance": (list,),
    "internal_job_id": (int, NONE),
    "location": (dict,),
    "metadata": (list, NONE),
    "id": (int,),
    "updated_at": (str,),
    "requisition_id": (str, NONE),
    "title": (str,),
    "company_name": (str,),
    "first_published": (str, NONE),
    "application_deadline": (str, NONE),
    "content": (str,),
    "departments": (list,),
    "offices": (list,),
}
GREENHOUSE_OPTIONAL: dict[str, Types] = {"language": (str,), "education": (str,)}

LEVER: dict[str, Types] = {
    "id": (str,),
    "text": (str,),
    "categories": (dict,),
    "country": (str, NONE),
    "workplaceType": (str,),
    "createdAt": (int,),
    "opening": (str,),
    "openingPlain": (str,),
    "description": (str,),
    "descriptionPlain": (str,),
    "descriptionBody": (str,),
    "descriptionBodyPlain": (str,),
    "lists": (list,),
    "additional": (str,),
    "additionalPlain": (str,),
    "hostedUrl": (str,),
    "applyUrl": (str,),
}
LEVER_OPTIONAL: dict[str, Types] = {
    "salaryRange": (dict,),
    "salaryDescription": (str,),
    "salaryDescriptionPlain": (str,),
}

ASHBY: dict[str, Types] = {
    "id": (str,),
    "title": (str,),
    "department": (str,),
    "team": (str,),
    "employmentType": (str,),
    "location": (str,),
    "shouldDisplayCompensationOnJobPostings": (bool,),
    "secondaryLocations": (list,),
    "publishedAt": (str,),
    "isListed": (bool,),
    "isRemote": (bool, NONE),
    "workplaceType": (str, NONE),
    "address": (dict, NONE),
    "jobUrl": (str,),
    "applyUrl": (str,),
    "descriptionHtml": (str,),
    "descriptionPlain": (str,),
    "compensation": (dict,),
}

WORKABLE: dict[str, Types] = {
    "title": (str,),
    "shortcode": (str,),
    "code": (str,),
    "employment_type": (str, NONE),
    "telecommuting": (bool,),
    "department": (str,),
    "url": (str,),
    "shortlink": (str,),
    "application_url": (str,),
    "published_on": (str,),
    "created_at": (str,),
    "country": (str,),
    "city": (str,),
    "state": (str,),
    "education": (str,),
    "experience": (str,),
    "function": (str,),
    "industry": (str,),
    "locations": (list,),
    "description": (str,),
}

RECRUITEE: dict[str, Types] = {
    "id": (int,),
    "guid": (str,),
    "slug": (str,),
    "title": (str,),
    "company_name": (str,),
    "status": (str,),
    "description": (str,),
    "requirements": (str,),
    "translations": (dict,),
    "department": (str, NONE),
    "location": (str,),
    "locations": (list,),
    "city": (str,),
    "state_name": (str,),
    "state_code": (str,),
    "country": (str,),
    "country_code": (str,),
    "postal_code": (str, NONE),
    "remote": (bool,),
    "hybrid": (bool,),
    "on_site": (bool,),
    "employment_type_code": (str,),
    "experience_code": (str,),
    "education_code": (str,),
    "category_code": (str,),
    "salary": (dict,),
    "min_hours": (int,),
    "max_hours": (int,),
    "published_at": (str,),
    "created_at": (str,),
    "updated_at": (str,),
    "close_at": (str, NONE),
    "position": (int,),
    "careers_url": (str,),
    "careers_apply_url": (str,),
    "tags": (list,),
    "open_questions": (list,),
    "options_cv": (str,),
    "options_cover_letter": (str,),
    "options_phone": (str,),
    "options_photo": (str,),
    "mailbox_email": (str,),
    "cover_image": (str, NONE),
    "sharing_title": (str, NONE),
    "sharing_description": (str, NONE),
    "sharing_image": (str, NONE),
}
RECRUITEE_OPTIONAL: dict[str, Types] = {
    "highlight": (str,),
    "min_hours_per_week": (str, NONE),
    "max_hours_per_week": (str, NONE),
}

SHAPES: dict[str, tuple[dict[str, Types], dict[str, Types]]] = {
    "greenhouse": (GREENHOUSE, GREENHOUSE_OPTIONAL),
    "lever": (LEVER, LEVER_OPTIONAL),
    "ashby": (ASHBY, {}),
    "workable": (WORKABLE, {}),
    "recruitee": (RECRUITEE, RECRUITEE_OPTIONAL),
}


def differences(provider: str, row: dict[str, Any]) -> list[str]:
    """Return a line for each field that is missing, unknown or of a type the provider does not send."""
    required, optional = SHAPES[provider]
    allowed = required | optional
    lines = [f"{name} is missing" for name in required if name not in row]
    for name, value in row.items():
        if name not in allowed:
            lines.append(f"{name} is unknown")
        elif type(value) not in allowed[name]:
            lines.append(f"{name} is {type(value).__name__}")
    return lines
